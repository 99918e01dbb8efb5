"""Real stores from packages, run as child processes: Apache Kafka and a server of the MongoDB protocol.

They serve development and tests only. No production image contains them, and nothing outside this package knows
which software stands behind the two addresses.
"""
