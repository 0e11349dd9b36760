// GearclockSQLiteTests
