"""What does a model cost at each precision, and on how much text does it pay?"""
