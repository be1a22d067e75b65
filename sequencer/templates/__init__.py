"""Templates of pages, and what fills them."""
