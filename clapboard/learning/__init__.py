"""Models: the only part of Clapboard that imports TensorFlow, and only where it trains."""
