"""Published weights as bundles: each module is one command, and says what it was equal to and how closely."""
