"""Networks for motor imagery by name (`registry`), their ONNX forms (`export`) and what they cost (`cost`). Needs PyTorch."""
