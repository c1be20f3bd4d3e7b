"""The search for the model that makes a file with its model in it smallest."""
