"""Operations and batches, made to happen: each step once, in one transaction with the requests that report it."""
