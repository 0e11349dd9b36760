// GearclockSQLite
