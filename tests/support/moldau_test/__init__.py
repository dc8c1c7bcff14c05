"""What the tests of Moldau share: ports, processes, brokers of either kind, clients from their registries, scenarios.

Python 3 standard library only. Start reading at cli.py (the layers) and scenario.py (how a client scenario runs)."""
