"""What pretrained language models make of text, photographs and speech."""
