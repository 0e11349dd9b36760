// GearclockController
