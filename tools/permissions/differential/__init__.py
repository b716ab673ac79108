"""The evaluator against real servers: random permissions and policies, the same questions put to both."""
