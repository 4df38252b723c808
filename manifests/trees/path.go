package trees

// Path is where a tree lies below dir, whosever directory that is: what Store.Path gives, for those who have no store.
// It is empty where one of the names is not a name that Kubernetes allows.
func Path(dir string, t Tree) string {
	if t.checkNames() != nil {
		return ""
	}
	return t.identity().path(root{dir: dir})
}
