//! Assembles the `host` image from programs of this machine.
