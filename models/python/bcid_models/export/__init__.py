"""Export of trained networks: graph surgery, streaming form, and the proof that nothing was changed by it."""
