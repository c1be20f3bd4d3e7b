"""Galleries: what models and codecs make of the other half of texts, images and sounds."""
