"""What single steps cost in a tight loop. Read them as ratios: a busy machine stretches all of them."""
