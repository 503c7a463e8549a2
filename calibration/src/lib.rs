//! What is known of a decoder's worth before a person relies on it: trial scores with their interval and chance.
