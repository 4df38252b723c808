package api

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// object is what the API answers with: a wire type with a kind. The methods below are the one place where kinds are
// written: what sends an answer calls setType, so that neither the agent nor a handler has to, and an answer without a
// kind does not compile.
type object interface{ setType() }

func typeMeta(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: APIVersion, Kind: kind}
}

func (o *ConfigTreeList) setType()  { o.TypeMeta = typeMeta("ConfigTreeList") }
func (o *ExplanationList) setType() { o.TypeMeta = typeMeta("ExplanationList") }
func (o *FileChangeList) setType()  { o.TypeMeta = typeMeta("FileChangeList") }
func (o *ForgetResult) setType()    { o.TypeMeta = typeMeta("ForgetResult") }
func (o *LeaveResult) setType()     { o.TypeMeta = typeMeta("LeaveResult") }
func (o *MemberList) setType()      { o.TypeMeta = typeMeta("MemberList") }
func (o *NodePatchResult) setType() { o.TypeMeta = typeMeta("NodePatchResult") }
func (o *PlanResult) setType()      { o.TypeMeta = typeMeta("PlanResult") }
func (o *ReloadResult) setType()    { o.TypeMeta = typeMeta("ReloadResult") }
func (o *ReplaceResult) setType()   { o.TypeMeta = typeMeta("ReplaceResult") }
func (o *ReleaseResult) setType()   { o.TypeMeta = typeMeta("ReleaseResult") }
func (o *ResetResult) setType()     { o.TypeMeta = typeMeta("ResetResult") }
func (o *RevisionList) setType()    { o.TypeMeta = typeMeta("RevisionList") }
func (o *RolloutList) setType()     { o.TypeMeta = typeMeta("RolloutList") }
func (o *Settled) setType()         { o.TypeMeta = typeMeta("Settled") }
func (o *SpecFileList) setType()    { o.TypeMeta = typeMeta("SpecFileList") }
func (s *Status) setType()          { s.TypeMeta = typeMeta("Status") }
func (o *TrustResult) setType()     { o.TypeMeta = typeMeta("TrustResult") }
func (o *UndoResult) setType()      { o.TypeMeta = typeMeta("UndoResult") }
func (o *VersionInfo) setType()     { o.TypeMeta = typeMeta("VersionInfo") }
