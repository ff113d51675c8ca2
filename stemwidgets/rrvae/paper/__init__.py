"""The network of the paper, and the plain variational autoencoder beside it."""
