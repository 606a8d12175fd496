"""Read in this order: activations, losses, initializers, model, optimizers, utils; then train.py."""
