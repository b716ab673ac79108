"""What each role of realm-management can be turned into, tried with real calls: role by way, each way with its calls as evidence."""
