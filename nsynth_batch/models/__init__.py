"""Models: families, the engines that run them, and the files that hold them."""
