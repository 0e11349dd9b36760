// GearclockDispatcher
