//! The wire format bci.v1: messages, services and their descriptor.
