//! From raw chunks to intents: alignment, filters, windows, decoding, policy.
