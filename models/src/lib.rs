//! Decoders: the bundle contract and inference through ONNX Runtime.
