"""The least roles of the methods, modules and commands of other people's tools, recorded on a real server and tried there."""
