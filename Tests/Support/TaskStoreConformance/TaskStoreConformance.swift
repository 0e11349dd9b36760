// TaskStoreConformance
