# Included by the scripts of both packages. It speaks of the manifests that the agent wrote and that outlive it.

# shellcheck disable=SC2034 # the scripts use it
state=/var/lib/daemonsetd

# setting NAME [FILE] prints a setting that stands at the left margin of a YAML file, without quotes and comments. A file that
# is written in another way has no answer here, and what follows from none is always to leave things as they are.
setting() {
	[ -r "${2:-/etc/daemonsetd/daemonsetd.yaml}" ] || return 0
	sed -n "s/^$1:[[:space:]]*//p" "${2:-/etc/daemonsetd/daemonsetd.yaml}" | head -n 1 |
		sed "s/[[:space:]]#.*\$//; s/[[:space:]]*\$//; s/^\"\(.*\)\"\$/\1/; s/^'\(.*\)'\$/\1/"
}

# manifests_dir prints the kubelet's directory: the one that the agent uses, if it answers; else the one that it would use.
manifests_dir() {
	dir=$(timeout 5 dsctl status -o 'jsonpath={.paths.manifests}' 2>/dev/null || true)
	[ -n "$dir" ] || dir=$(setting manifestsDir)
	[ -n "$dir" ] || dir=$(setting staticPodPath /var/lib/kubelet/config.yaml)
	printf '%s\n' "${dir:-/etc/kubernetes/manifests}"
}

# manifests DIR prints the manifests that bear our mark: the annotation daemonsetd.io/daemonset, and the file name that follows
# from it, now or in former versions. No other file is ours, whatever it is called.
manifests() {
	for file in "$1"/daemonsetd-*.yaml; do
		if [ ! -f "$file" ] || [ -L "$file" ]; then
			continue
		fi
		owner=$(sed -n 's|^    daemonsetd\.io/daemonset: ||p' "$file" | head -n 1 | tr -d "\"'")
		revision=${file##*/}
		revision=${revision#daemonsetd-"${owner%%/*}"[-_]"${owner#*/}"-}
		revision=${revision%.yaml}
		case $owner:$revision in
		*: | :* | *:*[!a-z0-9]*) ;;
		*/*) printf '%s\n' "$file" ;;
		esac
	done
}

# end_pulls DIR removes the manifests of pods that pull images before an old pod stops, once the agent has stopped, which would
# have removed them: they bear the annotation daemonsetd.io/pulls-for, and run nothing.
end_pulls() {
	for file in "$1"/daemonsetd_pull-*.yaml; do
		if [ -f "$file" ] && [ ! -L "$file" ] && grep -q '^    daemonsetd\.io/pulls-for: ' "$file"; then
			rm -f "$file"
		fi
	done
}

# remedy DIR says how to remove the manifests.
remedy() {
	echo "To stop those pods, remove their files:"
	manifests "$1" | sed "s/'/'\\\\''/g; s/.*/  rm '&'/"
}

# tell DIR names the manifests that stay.
tell() {
	left=$(manifests "$1")
	[ -n "$left" ] || return 0
	echo "The pods of daemonsetd keep running. Their manifests stay in $1:"
	printf '%s\n' "$left" | sed 's/^/  /'
}
