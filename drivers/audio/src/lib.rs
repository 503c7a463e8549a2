//! Sound devices through cpal.
