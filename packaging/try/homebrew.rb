# Runs a formula's `install` and `test` where there is no Homebrew, with the few of its words that
# our formula has. A word that is missing here is an error: look it up, then add it.
#
# usage: ruby homebrew.rb FORMULA FOLDER
#        FOLDER has the source tarball that the formula names
require "digest"
require "fileutils"
require "open3"
require "pathname"
require "tmpdir"

class Pathname
  def install(*files)
    mkpath
    files.flatten.each { |file| FileUtils.mv file, self }
  end

  def write(text)
    raise "#{self} is there already" if exist?

    dirname.mkpath
    File.write self, text
  end

  def append_lines(text)
    File.write self, "#{text}\n", mode: "a"
  end
end

class Formula
  class << self
    attr_reader :told

    %i[desc homepage url sha256 license depends_on].each do |word|
      define_method(word) { |value| (@told ||= {})[word] = value }
    end

    def test(&)
      define_method(:run_test, &)
    end
  end

  attr_reader :buildpath, :testpath

  def initialize(folder)
    @prefix = folder/"prefix"
    @buildpath = folder/"build"
    @testpath = folder/"test"
  end

  def bin = @prefix/"bin"
  def man1 = @prefix/"share/man/man1"
  def doc = @prefix/"share/doc/plugsign"
  def std_cargo_args = ["--locked", "--root=#{@prefix}", "--path=."]

  def generate_completions_from_executable(*command)
    %w[bash zsh fish].each do |shell|
      text, status = Open3.capture2(*command.map(&:to_s), shell)
      raise "no completions for #{shell}" unless status.success? && text.include?("plugsign")
    end
  end

  def system(*command)
    Kernel.system(*command.map(&:to_s)) or raise "failed: #{command}"
  end

  def shell_output(command, expected = 0)
    text, status = Open3.capture2(command)
    raise "#{command}: exit #{status.exitstatus}" unless status.exitstatus == expected

    text
  end

  def assert_match(expected, text)
    raise "no #{expected.inspect} in #{text.inspect}" unless text.match?(expected)
  end
end

formula, folder = ARGV.map { |name| Pathname(name).expand_path }
load formula
told = Plugsign.told
source = folder/File.basename(told[:url])
raise "sha256 is not that of #{source}" unless Digest::SHA256.file(source).hexdigest == told[:sha256]
raise "the description is too long" unless "plugsign: #{told[:desc]}".length <= 80

Dir.mktmpdir do |name|
  tried = Plugsign.new(Pathname(name))
  [tried.buildpath, tried.testpath].each(&:mkpath)
  system("tar", "-xzf", source.to_s, "-C", tried.buildpath.to_s, "--strip-components=1") or raise
  Dir.chdir(tried.buildpath) { tried.install }
  raise "no manual pages" unless (tried.man1/"plugsign-sign.1").exist?

  system(File.join(__dir__, "links.sh"), tried.doc.to_s) or raise "a dead link"

  Dir.chdir(tried.testpath) { tried.run_test }
end
