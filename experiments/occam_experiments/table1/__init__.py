"""The paper's table 1, measured with codecs and models on text, images, audio and random bytes."""
