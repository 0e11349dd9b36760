// GearclockEnvironment
