"""How good a recognition is, in figures and pictures; no TensorFlow."""
