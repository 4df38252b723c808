package plan

// NotDone changes what is said of a DaemonSet whose acts could not be done, or not all of them: it is blocked by why,
// and what stands is what the plan was made from. What the plan remembered of acts that were not done is taken back; in
// is what the plan was made from, or what was there since.
func (o *Output) NotDone(in Input, key, why string) {
	for i := range o.Statuses {
		if o.Statuses[i].Key == key {
			o.Statuses[i].notDone(in, why)
		}
	}
	m, ok := o.Memories[key]
	if !ok {
		return
	}
	before := in.Memories[key]
	m.WrittenAt, m.Retry = before.WrittenAt, before.Retry
	o.Memories[key] = m
}

func (s *Status) notDone(in Input, why string) {
	s.Phase, s.Message = PhaseBlocked, why
	s.Current, s.FileName, s.PodName = "", "", ""
	for _, m := range in.Present {
		if m.Key == s.Key && (s.Current == "" || m.Revision == s.Revision) {
			s.Current, s.FileName, s.PodName = m.Revision, m.FileName, m.PodName
		}
	}
}
