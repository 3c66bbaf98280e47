"""Stand-ins for libraries that need hardware which the tests do not have."""
