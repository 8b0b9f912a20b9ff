//! Docker behind the engine's trait: the only place that names its client library.
