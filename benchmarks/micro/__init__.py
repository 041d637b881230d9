"""What single steps of relay take, in µs of CPU, without Redis or a network: `python -m benchmarks.micro rules`."""
