"""Questions that people and the background ask of the engine's records. Nothing is decided here: acts are entries."""
