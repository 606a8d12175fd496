"""Read on in this order: activations, losses, initializers, model, optimizers, utils, train.py."""
