package projections

// For the tests beside the package.
var (
	FoldInto       = foldInto
	CheckpointName = checkpointName
)
