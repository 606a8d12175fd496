"""Every number that the reading of pictures was tuned by: lengths, shares, and costs in log p.

Tuned with recipe `best` on tests/picture_generator.py: its kinds TUNED (T), SHEETS (S), and
touching digits (C). FRESH and pictures by strangers were looked at only to count what is right.
"""

FAINT = 0.05  # T: less than this share of the paper's light taken away is no ink
INK = 0.15  # T: of the strongest ink; from here on a pixel belongs to a stroke
WINDOW = 0.25  # T: of a picture's shorter side; wider than any stroke
THIN = 0.012  # T: of a picture's longer side; no rule is thicker
LINE = 0.05  # T, S: of a picture's longer side; the shortest wall of a box
FAINTER = 0.4  # T: of the main stroke's strength; what is fainter is a stain or shines through
SPECK = 0.02  # T: of a picture's shorter side; smaller marks are no writing
THICKER = 3.0  # T: times the usual pen; what is thicker is no stroke
THINNER = 0.25  # S: times the usual pen; what is thinner is a border's edge

STROKE = 2.4  # T: pixels of 28; thinner strokes are thickened to this (MNIST's: 2.1 to 4.3)
WHOLE = 0.4  # S: of a digit's height; smaller parts are pieces of a digit, if so near to one
SAME_LINE = 0.6  # S: digit heights by which neighbours in a line may be apart, down
WIDE = 0.8  # C: heights; what is wider may be several digits that touch
OTHERS = 2.0  # S: digits of each class that every page is taken to hold beside those on it

# What a reading costs beside -log p of its digits; the cheapest one is taken.
A_DIGIT = 0.3  # C: for each digit, so that two must be surer than one
A_CUT = 0.4  # C: for cutting through ink
A_GAP = 4.0  # T ("two separate strokes"), S: for each digit height between the pieces of a digit
TWO_WHOLE = 1.0  # C: for taking two parts of a digit's height beside each other as one
UNUSUAL = (0.35, 4.0)  # S: for a size whose log differs by more than this: weight of the rest
BROAD = (1.0, 3.0)  # S, C: for a digit wider than this share of the usual height, likewise
FLAT = (1.5, 1.0)  # S: for one wider than this share of its own height, likewise
AT_EDGE = 0.5  # S: for joining what the picture's edge cuts off to a digit
LEFT_OUT = (4.0, 1.6)  # S: for leaving out a part of a digit's height (second: at the edge)
