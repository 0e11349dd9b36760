// GearclockWorker
