"""The configuration: every key, what is wrong with one, what is made from them."""
