//! Lab Streaming Layer: resolve, inlet, markers, outlet.
