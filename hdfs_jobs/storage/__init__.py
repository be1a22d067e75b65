"""Where the bytes of a store are: one interface, one file a back end."""
