"""The study of memories against networks: which of both makes a file with its model smallest."""
