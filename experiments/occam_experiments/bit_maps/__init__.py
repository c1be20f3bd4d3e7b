"""Where the bits go in photographs and in sound, as colours beside them."""
