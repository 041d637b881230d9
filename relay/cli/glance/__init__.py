"""What `relay top` is made of: one look at a relay, the picture of it, and the terminal that shows it."""
