"""One module for each form of output: what is shown is decided before."""
