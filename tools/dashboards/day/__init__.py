"""A scripted day: real proxies before the simulator, scraped by a real Prometheus, with every call counted by the program that makes it."""
