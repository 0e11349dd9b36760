// GearclockCore
