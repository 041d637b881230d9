"""The unix socket of a relay in its `data_dir`, as relay makes it and commands find it."""

NAME = "relay.sock"
OTHERS = "relay-*.sock"  # the second relay on a directory has relay-PID.sock
ZONE = "Relay-Timezone"  # header of answers: by whose clocks people are given times
ACTOR, RUN_AS = "Relay-Actor", "Relay-Run-As"  # headers: who runs a command, as it says itself; percent-encoded
